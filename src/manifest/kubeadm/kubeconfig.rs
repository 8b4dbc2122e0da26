//! The server that a kubeconfig leads to; nothing else of it is kept, because it holds a key.

use serde::Deserialize;

use crate::model::Endpoint;

/// Why a kubeconfig names no server. Never holds text of the file, which holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubeconfigServerError {
    /// It is no kubeconfig.
    #[error("not readable as a kubeconfig")]
    Unreadable,
    /// The current context is missing or leads nowhere.
    #[error("its current context leads to no cluster")]
    NoCluster,
    /// The server is no `https://HOST:PORT`.
    #[error("its server is no https://HOST:PORT")]
    Server,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    current_context: String,
    contexts: Vec<NamedContext>,
    clusters: Vec<NamedCluster>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
struct Cluster {
    server: String,
}

/// The server of the current context.
///
/// # Errors
/// [`KubeconfigServerError`].
pub fn server_of(kubeconfig: &[u8]) -> Result<Endpoint, KubeconfigServerError> {
    let read = serde_saphyr::from_slice::<Document>(kubeconfig);
    let document = read.map_err(|_| KubeconfigServerError::Unreadable)?;
    let contexts = document.contexts.into_iter();
    let wanted = contexts
        .filter(|named| named.name == document.current_context)
        .map(|named| named.context.cluster)
        .next()
        .ok_or(KubeconfigServerError::NoCluster)?;
    let mut clusters = document.clusters.into_iter();
    let cluster = clusters.find(|named| named.name == wanted);
    let server = cluster
        .ok_or(KubeconfigServerError::NoCluster)?
        .cluster
        .server;
    let rest = server.strip_prefix("https://");
    let rest = rest
        .ok_or(KubeconfigServerError::Server)?
        .trim_end_matches('/');
    let has_port = rest
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
    let endpoint = if has_port {
        rest.parse()
    } else {
        format!("{rest}:443").parse()
    };
    endpoint.map_err(|_| KubeconfigServerError::Server)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kubeconfig(server: &str) -> String {
        format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: eA==\n    \
             server: {server}\n  name: kubernetes\ncontexts:\n- context:\n    cluster: kubernetes\n    \
             user: admin\n  name: admin@kubernetes\ncurrent-context: admin@kubernetes\nkind: Config\n\
             users:\n- name: admin\n  user:\n    client-key-data: c2VjcmV0\n"
        )
    }

    #[test]
    fn the_current_context_leads_to_the_server() {
        for (server, endpoint) in [
            ("https://10.0.0.100:6443", "10.0.0.100:6443"),
            ("https://[fd00::1]:8443/", "[fd00::1]:8443"),
            ("https://[fd00::1]", "[fd00::1]:443"),
            ("https://api.example.com", "api.example.com:443"),
        ] {
            let found = server_of(kubeconfig(server).as_bytes()).unwrap();
            assert_eq!(found.to_string(), endpoint);
        }
    }

    #[test]
    fn what_leads_nowhere_is_an_error_without_any_text_of_the_file() {
        let good = kubeconfig("https://a:1");
        for (text, error) in [
            (
                good.replace("current-context: admin", "current-context: x"),
                KubeconfigServerError::NoCluster,
            ),
            (
                good.replace("  name: kubernetes", "  name: other"),
                KubeconfigServerError::NoCluster,
            ),
            (
                good.replace("https:", "http:"),
                KubeconfigServerError::Server,
            ),
            ("c2VjcmV0: [".to_owned(), KubeconfigServerError::Unreadable),
        ] {
            assert_eq!(server_of(text.as_bytes()).unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "\\PC*", at in 0..300_usize, server in "\\PC{0,20}") {
            let _ = server_of(text.as_bytes());
            let good = kubeconfig(&server);
            let at = at.min(good.len());
            let _ = server_of(&good.as_bytes()[..at]);
            let _ = server_of(good.as_bytes());
        }
    }
}
