//! Is a kube-apiserver up, and does it reach its etcd?
//!
//! While one starts it is not there, then answers 403 (anonymous clients, before RBAC is loaded),
//! then 500, then 200: everything but a full yes is "not yet", and the caller knows the deadline.

use serde::Deserialize;

use crate::sys::http_get::HttpRequest;

use super::access::ApiAccess;
use super::error::ApiError;

/// The check that says whether the apiserver reaches etcd; `/readyz?verbose` lists it with a sign.
const ETCD_CHECK: &str = "etcd";

/// Demands that `/livez` and `/readyz?verbose` say yes, and that the latter names etcd as ok.
///
/// # Errors
/// What is missing, for people.
pub async fn demand_ready(access: &ApiAccess) -> Result<(), String> {
    for path in ["/livez", "/readyz?verbose"] {
        let answer = access.send(HttpRequest::get(path)).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            let failed = failed_checks(&answer.body);
            let detail = match failed.is_empty() {
                true => String::new(),
                false => format!(" (not ok: {})", failed.join(", ")),
            };
            return Err(format!("{path} answers {}{detail}", answer.status));
        }
        if path.ends_with("verbose") {
            etcd_is_ok(&answer.body)?;
        }
    }
    Ok(())
}

/// The release it runs, such as `v1.31.2`.
///
/// # Errors
/// [`ApiError`].
pub async fn version(access: &ApiAccess) -> Result<String, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    let asked = "GET /version";
    let answer = access.send(HttpRequest::get("/version")).await?;
    if answer.status != 200 {
        return Err(ApiError::refused(asked, &answer));
    }
    let version: Result<Version, _> = serde_json::from_str(&answer.body);
    version
        .map(|version| version.git_version)
        .map_err(|error| ApiError::Unreadable {
            asked: asked.to_owned(),
            reason: error.to_string(),
        })
}

/// False where the apiserver answers that it does not know who asks. Where nothing answers, that
/// can't be told.
pub async fn accepts(access: &ApiAccess) -> bool {
    let answer = access.send(HttpRequest::get("/version")).await;
    !answer.is_ok_and(|answer| answer.status == 401)
}

/// The names behind `[-]`.
fn failed_checks(body: &str) -> Vec<&str> {
    let failed = body.lines().filter_map(|line| line.strip_prefix("[-]"));
    failed
        .map(|rest| rest.split_whitespace().next().unwrap_or(rest))
        .collect()
}

fn etcd_is_ok(body: &str) -> Result<(), String> {
    let mut signs = body.lines().filter_map(|line| {
        let (sign, rest) = (line.get(..3)?, line.get(3..)?);
        (rest.split_whitespace().next() == Some(ETCD_CHECK)).then_some((sign, rest))
    });
    match signs.next() {
        Some(("[+]", rest)) if rest.ends_with("ok") => Ok(()),
        Some((_, rest)) => Err(format!("/readyz says {}", rest.trim())),
        None => Err("/readyz does not say how etcd is".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_etcd_that_is_ok_counts() {
        let body = "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]etcd-readiness ok\nreadyz check passed\n";
        assert_eq!(etcd_is_ok(body), Ok(()));
        let ill = body.replace("[+]etcd ok", "[-]etcd failed: reason withheld");
        assert_eq!(
            etcd_is_ok(&ill),
            Err("/readyz says etcd failed: reason withheld".to_owned())
        );
        assert_eq!(failed_checks(&ill), ["etcd"]);
        let excluded = body.replace("[+]etcd ok", "[+]etcd excluded: ok");
        // Excluded says nothing about etcd, but ends like a yes only where somebody wrote so.
        assert!(etcd_is_ok("ok").is_err());
        assert!(etcd_is_ok(&excluded.replace(": ok", "")).is_err());
    }
}
