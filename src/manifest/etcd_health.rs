//! Which health endpoints does an etcd release serve?
//!
//! Read from `etcdhttp/health.go` (before: `metrics.go`) of every release. A query that a release
//! does not know is ignored there, so asking for `serializable=true` too early does a full check.

use crate::model::EtcdVersion;

/// True from the patch release of each minor; later minors have everything.
fn from(version: &EtcdVersion, patch_of_3_4: u64, patch_of_3_5: u64) -> bool {
    match version.minor() {
        (3, 4) => version.patch() >= patch_of_3_4,
        (3, 5) => version.patch() >= patch_of_3_5,
        minor => minor > (3, 5),
    }
}

/// `/livez` and `/readyz` exist.
pub(crate) fn has_livez(version: &EtcdVersion) -> bool {
    from(version, 29, 11)
}

/// `/health?serializable=true` reads locally and needs no leader.
pub(crate) fn has_serializable(version: &EtcdVersion) -> bool {
    from(version, 29, 3)
}

/// `/health?exclude=NOSPACE` overlooks a full quota.
pub(crate) fn has_exclude(version: &EtcdVersion) -> bool {
    from(version, 16, 0)
}

/// `/readyz` fails on a learner.
pub(crate) fn readyz_fails_on_learner(version: &EtcdVersion) -> bool {
    from(version, u64::MAX, 19)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_came_with_patch_releases() {
        let has = |text: &str| {
            let v = &text.parse().unwrap();
            (
                has_exclude(v),
                has_serializable(v),
                has_livez(v),
                readyz_fails_on_learner(v),
            )
        };
        assert_eq!(has("3.4.13"), (false, false, false, false));
        assert_eq!(has("3.4.23"), (true, false, false, false));
        assert_eq!(has("3.4.29"), (true, true, true, false));
        assert_eq!(has("3.5.0"), (true, false, false, false));
        assert_eq!(has("3.5.10"), (true, true, false, false));
        assert_eq!(has("3.5.16"), (true, true, true, false));
        assert_eq!(has("3.5.19"), (true, true, true, true));
        assert_eq!(has("3.6.0"), (true, true, true, true));
    }
}
