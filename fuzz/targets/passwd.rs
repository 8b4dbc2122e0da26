//! Is an account found or not, whatever a host's passwd file holds?

#![no_main]

use etcdha::node::find_account;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (user, passwd) = text.split_once('\n').unwrap_or((text, ""));
    if let Some(account) = find_account(passwd, user) {
        let number = account.uid.to_string();
        assert!(find_account(passwd, &number).is_some());
    }
});
