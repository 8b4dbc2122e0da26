//! M050–M059: does etcd read the flags as they were meant?

use crate::manifest::etcd_flags::{self, Kind};
use crate::manifest::flags::{Form, Program, parse_bool};
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::Workload;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M050",
        name: "literal-quotes",
        severity: Severity::Error,
        why: "no shell removes these quotes: they are part of the value the program gets",
        fix: "remove the quotes inside the value; YAML's own quotes go around the whole word",
        check: Check::Program(literal_quotes),
    },
    Rule {
        id: "M051",
        name: "unknown-flag",
        severity: Severity::Error,
        why: "etcd exits with status 2 on a flag it does not know",
        fix: "correct the spelling, or remove the flag",
        check: Check::Etcd(unknown_flag),
    },
    Rule {
        id: "M052",
        name: "flag-not-in-release",
        severity: Severity::Error,
        why: "this release of etcd does not know the flag and exits with status 2",
        fix: "use the flag's name in this release, or another release",
        check: Check::Etcd(not_in_release),
    },
    Rule {
        id: "M053",
        name: "deprecated-flag",
        severity: Severity::Warning,
        why: "the next minor release does not know this name any more and will not start",
        fix: "use the new name",
        check: Check::Etcd(deprecated),
    },
    Rule {
        id: "M054",
        name: "flag-repeated",
        severity: Severity::Warning,
        why: "the later value wins without a word; kube-apiserver adds up the values of \
              --etcd-servers instead",
        fix: "give the flag once",
        check: Check::Program(repeated),
    },
    Rule {
        id: "M055",
        name: "boolean-with-space",
        severity: Severity::Error,
        why: "Go's parser gives a boolean flag no separate word: the word ends the flags, and etcd \
              exits because it is none",
        fix: "write --flag=true",
        check: Check::Etcd(boolean_with_space),
    },
    Rule {
        id: "M056",
        name: "stray-word",
        severity: Severity::Error,
        why: "Go's parser stops at the first word that is no flag, and etcd exits because of it",
        fix: "remove the word, or join it to its flag with =",
        check: Check::Etcd(stray_word),
    },
    Rule {
        id: "M057",
        name: "config-file",
        severity: Severity::Warning,
        why: "with --config-file etcd ignores every other flag and variable, so none was checked",
        fix: "use flags, or check the file",
        check: Check::Program(config_file),
    },
    Rule {
        id: "M058",
        name: "flag-and-variable",
        severity: Severity::Error,
        why: "etcd exits when an ETCD_ variable is shadowed by the flag of the same name",
        fix: "remove one of the two",
        check: Check::Etcd(flag_and_variable),
    },
    Rule {
        id: "M059",
        name: "bad-value",
        severity: Severity::Error,
        why: "etcd exits on a value it can't read",
        fix: "write a value of the flag's type",
        check: Check::Etcd(bad_value),
    },
];

/// True for the flags these rules know: etcd's all, of kube-apiserver those for etcd.
fn is_ours(workload: &Workload<'_>, name: &str) -> bool {
    workload.program == Program::Etcd || name.starts_with("etcd-")
}

fn literal_quotes(workload: &Workload<'_>, sink: &mut Sink) {
    for flag in workload
        .flags
        .iter()
        .filter(|flag| is_ours(workload, &flag.name))
    {
        let value = flag.value.as_deref().unwrap_or_default();
        let is_json = flag.name == "log-rotation-config-json";
        let quoted = value.starts_with(['"', '\'']) || value.ends_with(['"', '\'']);
        let inside = value.contains("=\"") || value.contains("='") || value.contains(",\"");
        if (quoted || inside) && !is_json {
            let bare: String = value.chars().filter(|c| !['"', '\''].contains(c)).collect();
            let message = format!("--{}: the value is {value}, quotes included", flag.name);
            sink.report(flag.at, message, format!("write --{}={bare}", flag.name));
        }
    }
}

fn unknown_flag(workload: &Workload<'_>, sink: &mut Sink) {
    if workload.is_newer_than_known() {
        return sink.unknown();
    }
    for flag in workload
        .flags
        .iter()
        .filter(|flag| etcd_flags::find(&flag.name).is_none())
    {
        // Kubernetes sets variables like ETCD_PORT for services; etcd warns and goes on.
        if flag.form == Form::Variable {
            continue;
        }
        let message = format!("--{} is no flag of etcd", flag.name);
        let fix = match etcd_flags::nearest(&flag.name) {
            Some(near) => format!("write --{near}"),
            None => "remove it".into(),
        };
        sink.report(flag.at, message, fix);
    }
}

fn not_in_release(workload: &Workload<'_>, sink: &mut Sink) {
    let Some(version) = &workload.version else {
        return sink.unknown();
    };
    for flag in workload
        .flags
        .iter()
        .filter(|flag| flag.form != Form::Variable)
    {
        let Some(known) = etcd_flags::find(&flag.name).filter(|known| !known.is_in(version)) else {
            continue;
        };
        let message = format!(
            "etcd {version} has no --{}; known in {}",
            flag.name,
            known.releases()
        );
        let fix = match etcd_flags::replacement(&flag.name, version) {
            Some(instead) => format!("write {instead}"),
            None => "remove it".into(),
        };
        sink.report(flag.at, message, fix);
    }
}

fn deprecated(workload: &Workload<'_>, sink: &mut Sink) {
    let Some(version) = &workload.version else {
        return sink.unknown();
    };
    for flag in workload
        .flags
        .iter()
        .filter(|flag| etcd_flags::knows(version, &flag.name))
    {
        let is_old = flag.name.starts_with("experimental-") || flag.name.starts_with("log-output");
        let instead = etcd_flags::replacement(&flag.name, version).filter(|_| is_old);
        if let Some(instead) = instead.filter(|instead| instead[2..] != flag.name) {
            let message = format!("--{} is deprecated in etcd {version}", flag.name);
            sink.report(flag.at, message, format!("write {instead}"));
        }
    }
}

fn repeated(workload: &Workload<'_>, sink: &mut Sink) {
    let names = workload.flags.names();
    // Gates given several times add up.
    let names = names
        .into_iter()
        .filter(|name| *name != "feature-gates" && is_ours(workload, name));
    for name in names {
        let on_line: Vec<_> = workload
            .flags
            .all(name)
            .filter(|flag| flag.form != Form::Variable)
            .collect();
        let Some((last, earlier)) = on_line
            .split_last()
            .filter(|(_, earlier)| !earlier.is_empty())
        else {
            continue;
        };
        let first = earlier[0].at.line;
        let message = match name {
            "etcd-servers" | "etcd-servers-overrides" => {
                format!("--{name} stands on line {first} too: the values add up")
            }
            _ => format!("--{name} stands on line {first} too: only this value counts"),
        };
        sink.report(last.at, message, format!("give --{name} once"));
    }
}

fn boolean_with_space(workload: &Workload<'_>, sink: &mut Sink) {
    if let Some((word, flag)) = stray_after_boolean(workload) {
        let message = format!("--{flag} {word}: etcd takes {word} for a stray word and exits");
        let at = workload
            .flags
            .stray()
            .map_or(workload.container.at, |stray| stray.source.at);
        sink.report(at, message, format!("write --{flag}={word}"));
    }
}

/// The stray word and the boolean flag before it.
fn stray_after_boolean(workload: &Workload<'_>) -> Option<(String, String)> {
    let stray = workload.flags.stray()?;
    let word = stray.source.value.clone();
    parse_bool(&word)?;
    let last = workload
        .flags
        .iter()
        .filter(|flag| flag.form != Form::Variable)
        .last()?;
    let is_boolean = last.form == Form::Bare && etcd_flags::is_boolean(&last.name);
    is_boolean.then(|| (word, last.name.clone()))
}

fn stray_word(workload: &Workload<'_>, sink: &mut Sink) {
    if let (Some(stray), None) = (workload.flags.stray(), stray_after_boolean(workload)) {
        let word = &stray.source.value;
        let message = format!("{word:?} is no flag: etcd exits, and reads none that follow");
        sink.report(
            stray.source.at,
            message,
            "remove it, or join it to its flag with =",
        );
    }
}

fn config_file(workload: &Workload<'_>, sink: &mut Sink) {
    if workload.program == Program::Etcd && workload.flags.get("config-file").is_some() {
        let message = "--config-file: etcd ignores all other flags, and none was checked";
        sink.report(
            workload.at("config-file"),
            message.into(),
            "use flags, or check the file",
        );
    }
}

fn flag_and_variable(workload: &Workload<'_>, sink: &mut Sink) {
    for variable in workload
        .flags
        .iter()
        .filter(|flag| flag.form == Form::Variable)
    {
        let mut on_line = workload
            .flags
            .all(&variable.name)
            .filter(|flag| flag.form != Form::Variable);
        if let Some(flag) = on_line.next() {
            let message = format!(
                "the variable for --{} is shadowed by the flag on line {}: etcd exits",
                variable.name, flag.at.line
            );
            sink.report(variable.at, message, "remove the variable");
        }
    }
}

fn bad_value(workload: &Workload<'_>, sink: &mut Sink) {
    for flag in workload.flags.iter() {
        let (Some(known), Some(value)) = (etcd_flags::find(&flag.name), flag.value.as_deref())
        else {
            continue;
        };
        let expected = match known.kind {
            Kind::Boolean if parse_bool(value).is_none() => "true or false",
            Kind::Number if value.parse::<u64>().is_err() => "a whole number",
            Kind::Duration if !is_go_duration(value) => "a duration such as 5s or 1h30m",
            _ => continue,
        };
        // Quotes around a good value are another rule's business.
        if value.contains(['"', '\'']) {
            continue;
        }
        let message = format!("--{}={value}: etcd expects {expected}", flag.name);
        sink.report(flag.at, message, format!("write {expected}"));
    }
}

/// Go's `time.ParseDuration`: numbers with a unit each, or a bare 0.
fn is_go_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number = &rest[..digits];
        if !number.contains(|c: char| c.is_ascii_digit()) || number.matches('.').count() > 1 {
            return false;
        }
        rest = &rest[digits..];
        let units = ["ns", "us", "µs", "μs", "ms", "h", "m", "s"];
        let Some(after) = units.iter().find_map(|unit| rest.strip_prefix(unit)) else {
            return false;
        };
        rest = after;
        parts += 1;
    }
    parts > 0
}

#[cfg(test)]
mod tests {
    use super::is_go_duration;

    #[test]
    fn durations_are_gos() {
        for good in ["5s", "1h30m", "1.5h", "100ms", "0", "-1s", "10m0s"] {
            assert!(is_go_duration(good), "{good}");
        }
        for bad in ["", "5", "1d", "h", "5 s", "1..5s", "s5"] {
            assert!(!is_go_duration(bad), "{bad}");
        }
    }
}
