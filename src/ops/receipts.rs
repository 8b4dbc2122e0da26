//! Finds receipts of earlier runs, for `resume` and `undo`.

use std::path::{Path, PathBuf};

use crate::plan::{Receipt, ReceiptError, StepState};
use crate::sys::files::{self, FileError};

/// A receipt and where it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundReceipt {
    /// The file.
    pub path: PathBuf,
    /// Its contents.
    pub receipt: Receipt,
}

/// Reads every receipt of a directory, oldest first. A directory that isn't there holds none.
///
/// # Errors
/// Where the directory or a receipt can't be read.
pub fn list(directory: &Path) -> Result<Vec<FoundReceipt>, ReceiptError> {
    let names = files::list(directory)?;
    let receipts = names
        .iter()
        .filter(|name| name.ends_with(".json") && !name.starts_with('.'));
    receipts
        .map(|name| {
            let path = directory.join(name);
            Receipt::load(&path).map(|receipt| FoundReceipt { path, receipt })
        })
        .collect()
}

/// The latest receipt, if its plan did not come to an end.
pub fn latest_unfinished(found: &[FoundReceipt]) -> Option<&FoundReceipt> {
    found.last().filter(|found| found.receipt.is_unfinished())
}

/// The latest receipt with steps that are still in effect.
pub fn latest_in_effect(found: &[FoundReceipt]) -> Option<&FoundReceipt> {
    let in_effect = |found: &&FoundReceipt| {
        let steps = &found.receipt.steps;
        steps
            .iter()
            .any(|step| matches!(step.state, StepState::Started | StepState::Done))
    };
    found.iter().rev().find(in_effect)
}

/// Removes what a run that was killed while it wrote its receipt has left.
pub fn tidy(directory: &Path) {
    files::sweep(directory);
}

/// Removes receipts beyond the newest `keep`: they are small, but a daemon may write many.
///
/// # Errors
/// Where a file can't be removed.
pub fn prune(found: &[FoundReceipt], keep: usize) -> Result<(), FileError> {
    let surplus = found.len().saturating_sub(keep);
    found[..surplus]
        .iter()
        .try_for_each(|found| files::remove(&found.path))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::plan::Plan;

    fn receipt(second: i64, result: Option<&str>) -> Receipt {
        let plan = Plan {
            command: "member add".into(),
            headline: String::new(),
            steps: vec![],
            checked: vec![],
            notes: vec![],
        };
        let now = Timestamp::from_second(second).unwrap();
        let mut receipt = Receipt::new(plan, vec![], "/".into(), now);
        receipt.result = result.map(str::to_owned);
        receipt
    }

    #[test]
    fn receipts_are_found_in_the_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        assert!(list(&dir.path().join("none")).unwrap().is_empty());
        for (second, result) in [(20, None), (10, Some("done"))] {
            let receipt = receipt(second, result);
            receipt
                .store(&dir.path().join(receipt.file_name()))
                .unwrap();
        }
        let found = list(dir.path()).unwrap();
        let times: Vec<_> = found
            .iter()
            .map(|f| f.receipt.started_at.as_second())
            .collect();
        assert_eq!(times, [10, 20]);
        assert_eq!(
            latest_unfinished(&found).map(|f| f.receipt.started_at.as_second()),
            Some(20)
        );
        prune(&found, 1).unwrap();
        assert_eq!(list(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_is_no_receipt_is_named() {
        let dir = tempfile::tempdir().unwrap();
        files::write_atomic(&dir.path().join("x.json"), b"{}", 0o600).unwrap();
        let error = list(dir.path()).unwrap_err();
        assert!(
            error.to_string().contains("x.json is no receipt"),
            "{error}"
        );
    }
}
