//! Secrets that come from the environment, never from arguments, which show in process lists.

use zeroize::Zeroizing;

/// Where a passphrase for the CA's key is looked for; the second name is cfssl's.
const CA_PASSPHRASE: [&str; 2] = ["ETCDHA_CA_PASSPHRASE", "CFSSL_CA_PK_PASSWORD"];

/// The passphrase of the CA's private key, where one is given.
pub(super) fn ca_passphrase() -> Option<Zeroizing<String>> {
    CA_PASSPHRASE
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .map(Zeroizing::new)
}
