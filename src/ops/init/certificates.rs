//! What the certificates of a host add: names that they carry beyond the usual ones.

use std::net::IpAddr;

use crate::model::MemberSpec;
use crate::pki::inspect::first_certificate;

/// Adds the SANs of a server or peer certificate to the member, so that its next certificate is good
/// for them too.
///
/// # Errors
/// Why the file holds no certificate.
pub(super) fn adopt_names(member: &mut MemberSpec, pem: &[u8]) -> Result<(), String> {
    let certificate = first_certificate(pem).map_err(|error| error.to_string())?;
    let names = &certificate.extensions.names;
    let addresses = names.ip.iter().filter(|ip| {
        let known = member.addresses().any(|address| address == **ip);
        // A certificate may carry addresses that the host has not, such as a load balancer's:
        // only what the manifest listens on becomes an address of the member.
        !known && !ip.is_loopback() && !ip.is_unspecified()
    });
    let addresses: Vec<_> = addresses.map(IpAddr::to_string).collect();
    for name in names.dns.iter().cloned().chain(addresses) {
        let is_own = name == member.name.as_str() || name == "localhost" || name.is_empty();
        if !is_own && !member.extra_names.contains(&name) {
            member.extra_names.push(name);
        }
    }
    Ok(())
}
