//! What etcd makes of certificates and lists that etcdha made.

mod renew;
mod revoke;
