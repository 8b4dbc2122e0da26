//! Reads probes.

use super::model::{HttpGet, Located, Probe, ProbeAction, ProbePort};
use super::read::Fields;
use crate::manifest::ManifestError;
use crate::manifest::yaml::Scalar;

/// The API server's defaults, which the kubelet applies to files as well.
const DEFAULT_FAILURE_THRESHOLD: u32 = 3;
const DEFAULT_PERIOD_SECONDS: u32 = 10;

pub(super) fn read(container: &Fields<'_>, key: &str) -> Result<Option<Probe>, ManifestError> {
    let Some(fields) = container.mapping(key)? else {
        return Ok(None);
    };
    let number = |key, default| -> Result<u32, ManifestError> {
        let number = fields.number(key, u32::MAX)?;
        Ok(number
            .map(|number| number.value)
            .filter(|&number| number > 0)
            .unwrap_or(default))
    };
    Ok(Some(Probe {
        action: read_action(&fields)?,
        failure_threshold: number("failureThreshold", DEFAULT_FAILURE_THRESHOLD)?,
        period_seconds: number("periodSeconds", DEFAULT_PERIOD_SECONDS)?,
        at: fields.at,
    }))
}

fn read_action(fields: &Fields<'_>) -> Result<ProbeAction, ManifestError> {
    if let Some(http) = fields.mapping("httpGet")? {
        return read_http(&http).map(ProbeAction::HttpGet);
    }
    if let Some(exec) = fields.mapping("exec")? {
        let command = exec.texts("command")?;
        return Ok(ProbeAction::Exec(
            command.into_iter().map(|word| word.value).collect(),
        ));
    }
    Ok(if fields.has("tcpSocket") {
        ProbeAction::TcpSocket
    } else {
        ProbeAction::Other
    })
}

fn read_http(fields: &Fields<'_>) -> Result<HttpGet, ManifestError> {
    let path = fields.text("path")?;
    let scheme = fields.text("scheme")?;
    let port = read_port(fields)?;
    Ok(HttpGet {
        host: fields.text("host")?,
        path: path.unwrap_or_else(|| port.clone().map(|_| "/".to_owned())),
        port,
        https: scheme.is_some_and(|scheme| scheme.value.eq_ignore_ascii_case("https")),
    })
}

fn read_port(fields: &Fields<'_>) -> Result<Located<ProbePort>, ManifestError> {
    let Some(port) = fields.scalar("port") else {
        return Err(ManifestError::new(fields.at, "no port", "port:"));
    };
    let value = match &port.value {
        Scalar::Int(number) => u16::try_from(*number).ok().map(ProbePort::Number),
        // A number in quotes is a name to the kubelet, and no container port has such a name.
        Scalar::Text(name) => Some(ProbePort::Name(name.clone())),
        _ => None,
    };
    match value {
        Some(value) => Ok(port.map(|_| value)),
        None => {
            let found = port.value.describe();
            Err(ManifestError::new(
                port.at,
                found,
                "a port number or a container port's name",
            ))
        }
    }
}
