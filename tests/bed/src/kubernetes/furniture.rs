//! What does a cluster hold before it grows? Objects of kinds that every cluster has, and a kind of
//! its own with objects of it.
//!
//! Invariant: what is put in is what is looked for.

use std::fs;

use anyhow::{Result, ensure};

use super::kubectl::Kubectl;
use crate::host::Host;

/// How many ConfigMaps and Secrets there are, each.
const PIECES: usize = 5;

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: boats.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {plural: boats, singular: boat, kind: Boat}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Sails, type: integer, jsonPath: .spec.sails}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {sails: {type: integer}}}
";

const BOATS: [(&str, u64); 2] = [("ketch", 4), ("sloop", 2)];

/// Puts the objects into the cluster of a master.
///
/// # Errors
/// kubectl fails.
pub fn furnish(master: &Host) -> Result<()> {
    let kubectl = Kubectl::admin(master)?;
    apply(master, &kubectl, DEFINITION)?;
    let pieces: Vec<String> = (0..PIECES).flat_map(pieces).collect();
    apply(master, &kubectl, &pieces.join("---\n"))?;
    let established = ["wait", "--for=condition=Established", "--timeout=120s"];
    kubectl.run(&[&established[..], &["crd/boats.example.com"]].concat())?;
    let boats = BOATS.map(|(name, sails)| {
        format!(
            "apiVersion: example.com/v1\nkind: Boat\nmetadata: {{name: {name}}}\n\
             spec: {{sails: {sails}}}\n"
        )
    });
    apply(master, &kubectl, &boats.join("---\n"))
}

fn pieces(number: usize) -> [String; 2] {
    [("ConfigMap", "data"), ("Secret", "stringData")].map(|(kind, data)| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: furniture-{number}}}\n\
             {data}: {{number: '{number}'}}\n"
        )
    })
}

fn apply(master: &Host, kubectl: &Kubectl<'_>, text: &str) -> Result<()> {
    let inside = "/etc/kubernetes/furniture.yaml";
    fs::write(master.path(inside), text)?;
    kubectl.run(&["apply", "--filename", inside]).map(|_| ())
}

/// Looks for every object as an apiserver tells them, and returns how many there are.
///
/// # Errors
/// One is missing or different.
pub fn is_furnished(kubectl: &Kubectl<'_>) -> Result<usize> {
    for number in 0..PIECES {
        let name = format!("furniture-{number}");
        let map = kubectl.get_json(&["configmap", &name])?;
        let value = map["data"]["number"].as_str();
        ensure!(value == Some(&number.to_string()), "found {map}");
        // Its value is in base64, and what matters is that the apiserver can read it at all.
        let secret = kubectl.get_json(&["secret", &name])?;
        ensure!(secret["data"]["number"].is_string(), "{name} has no data");
    }
    for (name, sails) in BOATS {
        let boat = kubectl.get_json(&["boat", name])?;
        ensure!(boat["spec"]["sails"] == sails, "found {boat}");
    }
    // The definition serves the objects, or they would not have been found.
    Ok(2 * PIECES + BOATS.len() + 1)
}
