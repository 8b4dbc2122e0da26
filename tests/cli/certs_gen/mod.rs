//! `certs gen` and `certs renew`, with openssl and Debian's cfssl as the judges.

mod adoption;
mod judges;
mod killed;
mod leaves;
mod lifetimes;
mod places;
mod renew;
mod second_run;
mod templates;
