//! Members under systemd: who may read what, and the word to a person.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::node::DataDirState;
use crate::plan::engine::Progress;
use crate::plan::service::GiveFiles;
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

/// Pause between two looks at the data directory.
const INTERVAL: Duration = Duration::from_millis(250);

/// Mode of directories that etcd's group may enter.
const ENTERED: u32 = 0o750;

/// Gives the files away. What has the right owner already stays as it is.
pub(in crate::plan) fn give(
    world: &World,
    on: &str,
    give: &GiveFiles,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    for path in &give.entered {
        let local = node.local(path);
        files::give(&local, None, Some(give.gid))?;
        files::change_mode(&local, ENTERED)?;
    }
    for path in &give.owned {
        files::give(&node.local(path), Some(give.uid), Some(give.gid))?;
    }
    Ok(Outcome::Plain)
}

/// Waits until etcd has begun to make its data directory. It can't join yet, because nobody has
/// listed it; systemd starts it again until somebody does.
pub(in crate::plan) async fn tried(
    world: &World,
    on: &str,
    path: &Path,
    deadline_seconds: u64,
    progress: &dyn Fn(Progress),
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let begin = Instant::now();
    while node.data_dir(path)? == DataDirState::Empty {
        if begin.elapsed().as_secs() >= deadline_seconds {
            return Err(StepError::Deadline {
                what: format!("the service on {on}"),
                seconds: deadline_seconds,
                last: format!("{} is empty: nobody has started it", path.display()),
            });
        }
        progress(Progress {
            done: 0,
            total: 0,
            message: "nobody has started the service yet".to_owned(),
        });
        sleep(INTERVAL).await;
    }
    Ok(Outcome::Plain)
}

/// Says what to run; the wait behind it sees whether somebody did.
pub(in crate::plan) fn ask(on: &str, commands: &[String]) -> Outcome {
    Outcome::Noted {
        text: format!("now run on {on} as root: {}", commands.join(" && ")),
    }
}
