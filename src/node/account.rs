//! Accounts of a host, from its own `/etc/passwd` (passwd(5)): this machine's would be another's.

use std::path::Path;

use super::local::LocalNode;
use crate::sys::files::FileError;

/// Where a host's accounts are.
const PASSWD: &str = "/etc/passwd";

/// Where its groups are.
const GROUP: &str = "/etc/group";

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

impl LocalNode {
    /// The number of the group of that name, or with that number; none where the host has no such
    /// group.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn group(&self, group: &str) -> Result<Option<u32>, FileError> {
        let bytes = self.read(Path::new(GROUP))?.unwrap_or_default();
        Ok(find_group(&String::from_utf8_lossy(&bytes), group))
    }
}

/// Finds a group, by name or number, among the lines of a group file (group(5)); lines that are none
/// are passed over.
pub fn find_group(groups: &str, group: &str) -> Option<u32> {
    let lines = groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse::<u32>().ok()?))
    });
    let lines: Vec<_> = lines.collect();
    let named = lines.iter().find(|(name, _)| *name == group);
    let number = group.parse().ok();
    let numbered = || lines.iter().find(|(_, gid)| Some(*gid) == number);
    named.or_else(numbered).map(|(_, gid)| *gid)
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

    #[test]
    fn groups_are_found_by_name_and_number() {
        let groups = "root:x:0:\nbroken\netcd:x:118:ada,bob\n";
        assert_eq!(find_group(groups, "etcd"), Some(118));
        assert_eq!(find_group(groups, "118"), Some(118));
        assert_eq!(find_group(groups, "broken"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(passwd in "(\\PC|[:\n0-9a]){0,60}", user in "\\PC{0,5}") {
            let _ = find_group(&passwd, &user);
            let _ = find_account(&passwd, &user);
        }
    }
}
