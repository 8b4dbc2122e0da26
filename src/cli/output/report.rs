//! What a command hands over to be shown.

use serde::Serialize;

use super::page::Page;

/// A result that knows its table and its document.
///
/// Implemented next to the command for the type its `ops` function returns. The document types live
/// in `output/json/v1`, apart from the domain's, so that the inside may change.
pub trait Report {
    /// The document's `kind`, such as `CertificateList`.
    const KIND: &'static str;

    /// The document without `apiVersion` and `kind`; must serialize as a map.
    fn document(&self) -> impl Serialize;

    /// Draws the result for a person.
    fn page(&self, page: &mut Page);
}
