//! A bucket read in sections at once: the bucket `key` is nearly all of a file, and machines have more
//! than one processor.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::datadir::bolt::{BoltError, Bucket, Entries, Image, PageSet, ReadAt};

/// A few for each processor, so that they end together.
const SECTIONS: u16 = 16;
/// More of them only wait for the disk or for memory.
const MAX_WORKERS: usize = 4;

/// Lets `read` read a bucket's sections. Returns what it made of them, in the order of the file, and
/// `reached` with the bucket's pages.
///
/// # Errors
/// Those of `read`, of the first section that has one; a source that fails; pages that are in two trees.
pub(super) fn in_sections<R, P, E>(
    image: &Image<R>,
    bucket: &Bucket,
    reached: PageSet,
    read: impl Fn(&mut Entries<'_, R>) -> Result<P, E> + Sync,
) -> Result<(Vec<P>, PageSet), E>
where
    R: ReadAt + Sync,
    P: Send,
    E: From<BoltError> + Send,
{
    let sections = image.sections(bucket, SECTIONS)?;
    let workers = thread::available_parallelism().map_or(1, |n| n.get().min(MAX_WORKERS));
    let workers = workers.min(sections.len());
    let sections: Vec<_> = sections
        .into_iter()
        .map(|it| Mutex::new(Some(it)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || -> Vec<_> {
        let claims = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let claims = claims.map_while(|claim| Some((claim, take(sections.get(claim)?)?)));
        claims
            .map(|(number, mut section)| (number, read(&mut section).map(|made| (made, section))))
            .collect()
    };
    let mut parts = thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut parts = work();
        for other in others {
            match other.join() {
                Ok(more) => parts.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parts
    });
    parts.sort_unstable_by_key(|(number, _)| *number);
    let (mut made, mut sections) = (Vec::new(), Vec::new());
    for (_, part) in parts {
        let (this, section) = part?;
        made.push(this);
        sections.push(section);
    }
    Ok((made, image.join(sections, reached)?))
}

fn take<T>(section: &Mutex<Option<T>>) -> Option<T> {
    // A worker that panicked ends the run anyway.
    section.lock().ok()?.take()
}
