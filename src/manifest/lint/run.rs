//! Applies every rule to every file.

use super::report::{Finding, LintReport, Unchecked};
use super::rule::{Check, Rule, Sink};
use super::rules::RULES;
use super::subject::{LintFile, Together, Workload};
use crate::manifest::flags::Program;

/// Lints manifests, alone and against each other.
pub fn lint(files: &[LintFile]) -> LintReport {
    let together = Together {
        files,
        workloads: files
            .iter()
            .enumerate()
            .filter_map(|(i, f)| Workload::of(i, f))
            .collect(),
    };
    let mut found: Vec<(usize, Finding)> = Vec::new();
    let mut unchecked = Vec::new();
    for rule in RULES.iter().copied().flatten() {
        let sink = apply(rule, &together);
        for problem in sink.problems {
            found.push((
                problem.file,
                Finding {
                    rule: rule.id,
                    name: rule.name,
                    severity: rule.severity,
                    file: files[problem.file].file.clone(),
                    line: problem.at.line,
                    column: problem.at.column,
                    message: problem.message,
                    fix: problem.fix,
                },
            ));
        }
        unchecked.extend(sink.unknown.into_iter().map(|file| Unchecked {
            rule: rule.id,
            name: rule.name,
            file: files[file].file.clone(),
        }));
    }
    found.sort_by(|(a_file, a), (b_file, b)| {
        (a_file, a.line, a.column, a.rule).cmp(&(b_file, b.line, b.column, b.rule))
    });
    let findings = found.into_iter().map(|(_, finding)| finding).collect();
    LintReport {
        findings,
        unchecked,
        files: files.len(),
    }
}

fn apply(rule: &Rule, together: &Together<'_>) -> Sink {
    let mut sink = Sink::default();
    let of = |program: Program| {
        together
            .workloads
            .iter()
            .filter(move |w| w.program == program && !w.is_hidden())
    };
    match rule.check {
        Check::Reading => {}
        Check::File(check) => {
            for (index, file) in together.files.iter().enumerate() {
                sink.file = index;
                check(file, &mut sink);
            }
        }
        Check::Program(check) => each(together.workloads.iter(), check, &mut sink),
        Check::Etcd(check) => each(of(Program::Etcd), check, &mut sink),
        Check::Apiserver(check) => each(of(Program::Apiserver), check, &mut sink),
        Check::Together(check) => check(together, &mut sink),
    }
    sink
}

fn each<'w, 'a: 'w>(
    workloads: impl Iterator<Item = &'w Workload<'a>>,
    check: fn(&Workload<'_>, &mut Sink),
    sink: &mut Sink,
) {
    for workload in workloads {
        sink.file = workload.index;
        check(workload, sink);
    }
}
