//! The forms a result can take.

use clap::ValueEnum;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences for people
    #[default]
    Table,
    /// The same with more columns
    Wide,
    /// JSON for programs; its fields are stable within their apiVersion
    Json,
    /// The JSON document as YAML
    Yaml,
}

impl Format {
    /// True for the forms that programs read.
    pub fn is_machine(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}
