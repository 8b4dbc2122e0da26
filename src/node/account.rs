//! Accounts of a host, from its own `/etc/passwd` (passwd(5)): this machine's would be another's.

use std::path::Path;

use super::local::LocalNode;
use crate::sys::files::FileError;

/// Where a host's accounts are.
const PASSWD: &str = "/etc/passwd";

/// Numbers of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// Its login group.
    pub gid: u32,
}

impl LocalNode {
    /// The account of that name, or with that number; none where the host has no such account.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn account(&self, user: &str) -> Result<Option<Account>, FileError> {
        let bytes = self.read(Path::new(PASSWD))?.unwrap_or_default();
        Ok(find_account(&String::from_utf8_lossy(&bytes), user))
    }
}

/// Finds a user, by name or number, among the lines of a passwd file; lines that are none are passed
/// over, as the C library does.
pub fn find_account(passwd: &str, user: &str) -> Option<Account> {
    let accounts = passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((name, Account { uid, gid }))
    });
    let accounts: Vec<_> = accounts.collect();
    let named = accounts.iter().find(|(name, _)| *name == user);
    let number = user.parse::<u32>().ok();
    let numbered = || {
        accounts
            .iter()
            .find(|(_, account)| Some(account.uid) == number)
    };
    named.or_else(numbered).map(|(_, account)| *account)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_are_found_by_name_and_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbroken\n+nis\n\netcd:x:112:118::/var/lib/etcd:/bin/false\n";
        let etcd = Account { uid: 112, gid: 118 };
        assert_eq!(find_account(passwd, "etcd"), Some(etcd));
        assert_eq!(find_account(passwd, "112"), Some(etcd));
        assert_eq!(
            find_account(passwd, "root"),
            Some(Account { uid: 0, gid: 0 })
        );
        assert_eq!(find_account(passwd, "broken"), None);
        assert_eq!(find_account(passwd, ""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(passwd in "(\\PC|[:\n0-9a]){0,60}", user in "\\PC{0,5}") {
            let _ = find_account(&passwd, &user);
        }
    }
}
