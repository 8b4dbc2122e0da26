//! The envelope of every document: `apiVersion` and `kind` first, then the report's own fields.

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::output::Report;

/// Fields within it are only ever added.
const API_VERSION: &str = "etcdha.dev/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<T: Serialize> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    body: T,
}

fn document<R: Report>(report: &R) -> Document<impl Serialize> {
    Document {
        api_version: API_VERSION,
        kind: R::KIND,
        body: report.document(),
    }
}

/// The document as JSON, indented, with a line break at the end.
pub(in crate::cli::output) fn to_json<R: Report>(report: &R) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(&document(report));
    let text = text.map_err(|error| CliError::failed("write the result as JSON").cause(&error))?;
    Ok(text + "\n")
}

/// The document as YAML.
pub(in crate::cli::output) fn to_yaml<R: Report>(report: &R) -> Result<String, CliError> {
    serde_saphyr::to_string(&document(report))
        .map_err(|error| CliError::failed("write the result as YAML").cause(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Page;

    struct Sample;

    #[derive(Serialize)]
    struct Body {
        id: &'static str,
        revision: i64,
        nodes: Vec<&'static str>,
        none: Option<u8>,
    }

    impl Report for Sample {
        const KIND: &'static str = "Sample";

        fn document(&self) -> impl Serialize {
            Body {
                id: "12e45",
                revision: 7,
                nodes: vec!["no", "m1"],
                none: None,
            }
        }

        fn page(&self, page: &mut Page) {
            page.line("sample");
        }
    }

    #[test]
    fn both_forms_carry_the_envelope_and_keep_strings_strings() {
        insta::assert_snapshot!(to_json(&Sample).unwrap(), @r#"
        {
          "apiVersion": "etcdha.dev/v1",
          "kind": "Sample",
          "id": "12e45",
          "revision": 7,
          "nodes": [
            "no",
            "m1"
          ],
          "none": null
        }
        "#);
        let yaml = to_yaml(&Sample).unwrap();
        let back: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        let json: serde_json::Value = serde_json::from_str(&to_json(&Sample).unwrap()).unwrap();
        assert_eq!(back, json, "{yaml}");
    }
}
