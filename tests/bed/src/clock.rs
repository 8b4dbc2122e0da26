//! How can the wall clock of one host be wrong, while the machine's is right?
//!
//! Linux has no namespace for the wall clock, and a preloaded library does not reach Go programs,
//! which ask the kernel's vDSO directly. So the vDSO of each of the host's processes is changed:
//! its three functions jump to code that asks the kernel by system call and adds the skew. The
//! page belongs to the process alone, and the kernel lets root write it as it lets a debugger set
//! a breakpoint there.
//!
//! Programs that ask by system call directly are not reached; none that the tests use does. A
//! process has the true time for its first milliseconds, until it is found.
//!
//! Invariant: a process either has its vDSO as the kernel made it, or the whole of the change: the
//! code lies in the unused end of the page before the first jump to it is written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::proc;

/// The file that holds the wished skew in seconds, and the one that says it is in force.
const WISH: &str = "clock";
pub(crate) const IN_FORCE: &str = "clock-in-force";

/// How often a host without a skew looks whether it is to have one, and how often one with a skew
/// looks for new processes.
const IDLE: Duration = Duration::from_millis(20);
const BUSY: Duration = Duration::from_millis(2);

/// The room for one function's replacement at the end of the vDSO.
const ROOM: usize = 64;
/// A jump with a 32-bit distance.
const JUMP: usize = 5;

/// Asks the host whose directory this is for a skew.
pub(crate) fn wish(host: &Path, seconds: i32) -> Result<()> {
    if cfg!(not(target_arch = "x86_64")) {
        bail!("a skewed clock needs x86_64: the replacement is machine code");
    }
    let staged = host.join(format!("{WISH}.new"));
    fs::write(&staged, seconds.to_string()).context("write the wished clock skew")?;
    fs::rename(&staged, host.join(WISH)).context("write the wished clock skew")
}

/// Returns the skew that all processes of the host have, or why they cannot.
pub(crate) fn in_force(host: &Path) -> Result<i32> {
    let text = fs::read_to_string(host.join(IN_FORCE)).context("no skew is in force")?;
    text.parse()
        .map_err(|_| anyhow::anyhow!("the host's clock: {text}"))
}

/// Keeps the clocks of this PID namespace as wished, for ever. Runs on the host, as process 1.
pub(crate) fn keep(host: &Path) {
    let mut told = String::new();
    loop {
        let wished = fs::read_to_string(host.join(WISH))
            .ok()
            .and_then(|text| text.parse::<i32>().ok());
        let Some(seconds) = wished else {
            thread::sleep(IDLE);
            continue;
        };
        let told_now = match skew_all(seconds) {
            Ok(()) => seconds.to_string(),
            Err(error) => format!("{error:#}"),
        };
        if told != told_now {
            // Without the answer the one who asked gives up by itself.
            let _ = fs::write(host.join(IN_FORCE), &told_now);
            told = told_now;
        }
        thread::sleep(if seconds == 0 { IDLE } else { BUSY });
    }
}

fn skew_all(seconds: i32) -> Result<()> {
    for pid in proc::all() {
        // Process 1 has nothing to do with the time of day.
        if pid == 1 {
            continue;
        }
        if let Err(error) = skew(pid, seconds)
            && Path::new(&format!("/proc/{pid}/exe")).exists()
        {
            return Err(error.context(format!("change the clock of process {pid}")));
        }
    }
    Ok(())
}

/// Changes one process, unless it is as wished already. A new program begins with a fresh vDSO.
fn skew(pid: i32, seconds: i32) -> Result<()> {
    let Some((start, end)) = vdso_of(pid)? else {
        return Ok(());
    };
    let memory = File::options()
        .read(true)
        .write(true)
        .open(format!("/proc/{pid}/mem"))
        .context("open its memory")?;
    let mut image = vec![0; usize::try_from(end - start).context("measure the vDSO")?];
    memory
        .read_exact_at(&mut image, start)
        .context("read its vDSO")?;
    let symbols = symbols(&image).context("the vDSO has no symbol table")?;
    for (index, function) in Function::ALL.into_iter().enumerate() {
        let Some(entry) = symbols.get(function.symbol()).copied() else {
            continue;
        };
        let body_at = image.len() - (index + 1) * ROOM;
        let body = function.replacement(seconds);
        let jump = jump(entry, body_at)?;
        let is = |at: usize, bytes: &[u8]| image.get(at..at + bytes.len()) == Some(bytes);
        if is(body_at, &body) && is(entry, &jump) {
            continue;
        }
        let unused = image
            .get(body_at..body_at + ROOM)
            .is_some_and(|room| room.iter().all(|byte| *byte == 0));
        ensure!(
            unused || is(entry, &jump),
            "the vDSO has no room at its end"
        );
        for (at, bytes) in [(body_at, body.as_slice()), (entry, jump.as_slice())] {
            memory
                .write_all_at(bytes, start + at as u64)
                .context("write its vDSO (the kernel must not forbid writes to /proc/PID/mem)")?;
        }
    }
    Ok(())
}

/// Returns where the vDSO lies in a process, if it has one: kernel threads and the dead have none.
fn vdso_of(pid: i32) -> Result<Option<(u64, u64)>> {
    let maps = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/maps")))
        .context("read its memory map")?;
    let Some(line) = maps.lines().find(|line| line.ends_with("[vdso]")) else {
        return Ok(None);
    };
    let range = line.split(' ').next().unwrap_or_default();
    let (start, end) = range.split_once('-').context("read an address range")?;
    let number = |text| u64::from_str_radix(text, 16).context("read an address");
    Ok(Some((number(start)?, number(end)?)))
}

/// The functions of the vDSO that tell the time of day (vdso(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    ClockGettime,
    Gettimeofday,
    Time,
}

impl Function {
    const ALL: [Function; 3] = [
        Function::ClockGettime,
        Function::Gettimeofday,
        Function::Time,
    ];

    fn symbol(self) -> &'static str {
        match self {
            Function::ClockGettime => "__vdso_clock_gettime",
            Function::Gettimeofday => "__vdso_gettimeofday",
            Function::Time => "__vdso_time",
        }
    }

    /// Returns code with the same arguments and result that adds the skew.
    #[rustfmt::skip]
    fn replacement(self, seconds: i32) -> Vec<u8> {
        let [a, b, c, d] = seconds.to_le_bytes();
        match self {
            Function::ClockGettime => vec![
                0xb8, 228, 0, 0, 0,             // mov eax, SYS_clock_gettime
                0x0f, 0x05,                     // syscall
                0x85, 0xff,                     // test edi, edi: CLOCK_REALTIME
                0x74, 0x05,                     // jz add
                0x83, 0xff, 0x05,               // cmp edi, CLOCK_REALTIME_COARSE
                0x75, 0x07,                     // jnz end
                0x48, 0x81, 0x06, a, b, c, d,   // add: add qword [rsi], seconds
                0xc3,                           // end: ret
            ],
            Function::Gettimeofday => vec![
                0xb8, 96, 0, 0, 0,              // mov eax, SYS_gettimeofday
                0x0f, 0x05,                     // syscall
                0x48, 0x85, 0xff,               // test rdi, rdi
                0x74, 0x07,                     // jz end
                0x48, 0x81, 0x07, a, b, c, d,   // add qword [rdi], seconds
                0xc3,                           // end: ret
            ],
            Function::Time => vec![
                0xb8, 201, 0, 0, 0,             // mov eax, SYS_time
                0x0f, 0x05,                     // syscall
                0x48, 0x05, a, b, c, d,         // add rax, seconds
                0x48, 0x85, 0xff,               // test rdi, rdi
                0x74, 0x03,                     // jz end
                0x48, 0x89, 0x07,               // mov [rdi], rax
                0xc3,                           // end: ret
            ],
        }
    }
}

fn jump(from: usize, to: usize) -> Result<[u8; JUMP]> {
    let distance = i64::try_from(to)? - i64::try_from(from + JUMP)?;
    let [a, b, c, d] = i32::try_from(distance)?.to_le_bytes();
    Ok([0xe9, a, b, c, d])
}

/// Reads the dynamic symbols of a small 64-bit ELF image that is mapped as it is in the file
/// (elf(5)). Returns the offset of each defined one.
fn symbols(image: &[u8]) -> Option<HashMap<String, usize>> {
    const PT_DYNAMIC: u64 = 2;
    const DT_NULL: u64 = 0;
    const DT_STRTAB: u64 = 5;
    const DT_SYMTAB: u64 = 6;
    let headers = number(image, 32, 8)?;
    let count = number(image, 56, 2)?;
    let dynamic = rows(headers, 56)
        .take(usize::try_from(count).ok()?)
        .find(|at| number(image, *at, 4) == Some(PT_DYNAMIC))?;
    let start = number(image, dynamic.saturating_add(8), 8)?;
    let entry = |wanted| {
        rows(start, 16)
            .map_while(|at| {
                let value = number(image, at.saturating_add(8), 8)?;
                Some((number(image, at, 8)?, value))
            })
            .take_while(|(tag, _)| *tag != DT_NULL)
            .find_map(|(tag, value)| (tag == wanted).then_some(value))
    };
    let (names, table) = (entry(DT_STRTAB)?, entry(DT_SYMTAB)?);
    // The table's length is nowhere written; in every vDSO the names follow it.
    let found = rows(table, 24)
        .take_while(|at| *at < names)
        .map_while(|at| {
            let name = names.saturating_add(number(image, at, 4)?);
            let value = usize::try_from(number(image, at.saturating_add(8), 8)?).ok()?;
            let text = image.get(usize::try_from(name).ok()?..)?;
            let text = text.split(|byte| *byte == 0).next()?;
            Some((String::from_utf8_lossy(text).into_owned(), value))
        });
    Some(found.filter(|(_, value)| *value != 0).collect())
}

/// Returns the offsets of a table's rows, without an end.
fn rows(start: u64, size: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |index| start.saturating_add(size.saturating_mul(index)))
}

/// Reads a little-endian number of some bytes.
fn number(image: &[u8], at: u64, bytes: u64) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = image.get(at..at.checked_add(usize::try_from(bytes).ok()?)?)?;
    let value = bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_this_kernels_vdso_are_found() {
        let (start, end) = vdso_of(i32::try_from(std::process::id()).unwrap())
            .unwrap()
            .unwrap();
        let mut image = vec![0; usize::try_from(end - start).unwrap()];
        let memory = File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut image, start).unwrap();
        let symbols = symbols(&image).unwrap();
        for function in Function::ALL {
            assert!(symbols.contains_key(function.symbol()), "{symbols:?}");
            assert!(function.replacement(-1).len() <= ROOM);
        }
    }

    #[test]
    fn a_broken_image_has_no_symbols_and_breaks_nothing() {
        assert!(symbols(&[]).is_none());
        assert!(symbols(&[0xff; 4096]).is_none());
        assert!(symbols(&[0; 4096]).is_none());
    }

    #[test]
    fn a_jump_counts_from_its_end() {
        assert_eq!(jump(0x10, 0x15).unwrap(), [0xe9, 0, 0, 0, 0]);
        assert_eq!(jump(0x15, 0x10).unwrap(), [0xe9, 0xf6, 0xff, 0xff, 0xff]);
    }
}
