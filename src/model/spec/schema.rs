//! The JSON Schema of the cluster file, for editors and other programs.

use serde_json::{Value, json};

use super::cluster::ClusterSpec;
use super::{API_VERSION, KIND};

impl ClusterSpec {
    /// The schema of a whole file, with a description and the default of every field.
    pub fn json_schema() -> Value {
        let mut schema = schemars::schema_for!(ClusterSpec).to_value();
        let envelope = [
            (
                "apiVersion",
                json!({"const": API_VERSION, "description": "Version of this format."}),
            ),
            (
                "kind",
                json!({"const": KIND, "description": "What the file declares."}),
            ),
        ];
        let Some(root) = schema.as_object_mut() else {
            return schema;
        };
        root.insert(
            "$id".to_owned(),
            json!("https://etcdha.dev/schema/v1alpha1/cluster.json"),
        );
        root.insert("title".to_owned(), json!("etcdha cluster file"));
        for (index, (name, rule)) in envelope.into_iter().enumerate() {
            if let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) {
                properties.shift_insert(index, name.to_owned(), rule);
            }
            if let Some(required) = root.get_mut("required").and_then(Value::as_array_mut) {
                required.insert(index, json!(name));
            }
        }
        schema
    }
}
