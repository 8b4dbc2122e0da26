//! Reads the containers.

use super::model::{Container, ContainerPort, EnvVar, Located};
use super::read::Fields;
use super::{probe, volume};
use crate::manifest::ManifestError;

pub(super) fn read_all(spec: &Fields<'_>) -> Result<Vec<Container>, ManifestError> {
    let containers = spec.mappings("containers")?;
    if containers.is_empty() {
        return Err(ManifestError::new(
            spec.at,
            "no containers",
            "at least one container",
        ));
    }
    containers.iter().map(read).collect()
}

fn read(fields: &Fields<'_>) -> Result<Container, ManifestError> {
    let ports = fields.mappings("ports")?;
    Ok(Container {
        name: fields.required_text("name")?,
        image: fields.text("image")?,
        command: fields.texts("command")?,
        args: fields.texts("args")?,
        env: fields
            .mappings("env")?
            .iter()
            .map(read_env)
            .collect::<Result<_, _>>()?,
        env_from: fields.has("envFrom"),
        mounts: volume::read_mounts(fields)?,
        ports: ports.iter().map(read_port).collect::<Result<_, _>>()?,
        liveness: probe::read(fields, "livenessProbe")?,
        readiness: probe::read(fields, "readinessProbe")?,
        startup: probe::read(fields, "startupProbe")?,
        at: fields.at,
        node: fields.node,
    })
}

fn read_env(fields: &Fields<'_>) -> Result<EnvVar, ManifestError> {
    let name = fields.required_text("name")?;
    let value = match fields.text("value")? {
        None if !fields.has("valueFrom") => Some(Located {
            value: String::new(),
            ..name.clone()
        }),
        value => value,
    };
    Ok(EnvVar { name, value })
}

fn read_port(fields: &Fields<'_>) -> Result<ContainerPort, ManifestError> {
    let number = fields.number("containerPort", u32::from(u16::MAX))?;
    let number = number
        .ok_or_else(|| ManifestError::new(fields.at, "no containerPort", "containerPort:"))?;
    Ok(ContainerPort {
        name: fields.text("name")?,
        number: number.map(|number| u16::try_from(number).unwrap_or(u16::MAX)),
    })
}
