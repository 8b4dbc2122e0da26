//! Extra flags in a form's own way: a map of names to values, or a list of both.

use super::{KubeadmApi, KubeadmError};
use crate::manifest::yaml::Yaml;
use crate::model::ExtraArg;

/// Extra flags; nothing without any.
///
/// # Errors
/// A name that stands several times where a form has a map.
pub(super) fn extra_args(api: KubeadmApi, args: &[ExtraArg]) -> Result<Option<Yaml>, KubeadmError> {
    if args.is_empty() {
        return Ok(None);
    }
    let text = |text: &String| Yaml::text(text);
    if api.lists_arguments() {
        let item = |arg: &ExtraArg| {
            Yaml::Map(vec![("name", text(&arg.name)), ("value", text(&arg.value))])
        };
        return Ok(Some(Yaml::List(args.iter().map(item).collect())));
    }
    for (index, arg) in args.iter().enumerate() {
        if args[..index].iter().any(|other| other.name == arg.name) {
            let name = arg.name.clone();
            return Err(KubeadmError::Repeated { name, api });
        }
    }
    let named = args.iter().map(|arg| (arg.name.clone(), text(&arg.value)));
    Ok(Some(Yaml::Named(named.collect())))
}
