//! The schema and the reader know the same keys.

use std::collections::BTreeSet;

use crate::model::ClusterSpec;
use crate::model::spec::parse::KEYS;

#[test]
fn the_schema_knows_every_key_with_a_description() {
    let schema = ClusterSpec::json_schema();
    for (section, keys) in KEYS {
        let properties = match *section {
            "" => &schema["properties"],
            "etcd" => &schema["$defs"]["EtcdSpec"]["properties"],
            "etcd.service" => &schema["$defs"]["ServiceSpec"]["properties"],
            "members[]" => &schema["$defs"]["MemberSpec"]["properties"],
            "pki" => &schema["$defs"]["PkiSpec"]["properties"],
            "kubernetes" => &schema["$defs"]["KubernetesSpec"]["properties"],
            "networking" => &schema["$defs"]["NetworkingSpec"]["properties"],
            "apiserver" => &schema["$defs"]["ApiserverSpec"]["properties"],
            "frontend" => &schema["$defs"]["FrontendSpec"]["properties"],
            "ssh" => &schema["$defs"]["SshSpec"]["properties"],
            other => panic!("{other} has no schema"),
        };
        let properties = properties.as_object().unwrap();
        let found: BTreeSet<_> = properties.keys().map(String::as_str).collect();
        assert_eq!(found, keys.iter().copied().collect(), "{section}");
        for (key, rule) in properties {
            assert!(
                rule["description"].is_string(),
                "{section}.{key} has no description"
            );
        }
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema).unwrap());
}
