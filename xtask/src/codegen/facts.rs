//! `wire/src/kms/generated/facts.rs`: what holds for each operation, from the model and the overlay.

use std::fmt::Write;

use super::model::{Model, Operation};
use super::names;
use super::overlay::{OperationRow, Overlay};

/// The text of the file, not yet formatted.
pub(crate) fn write(model: &Model, overlay: &Overlay) -> String {
    let mut arms = String::new();
    let mut statics = String::new();
    for (name, operation) in model.operations.iter() {
        let constant = names::constant(name);
        writeln!(arms, "OpName::{name} => &{constant},").expect("a String takes everything");
        let facts = facts(model, overlay, name, operation);
        write!(statics, "\nstatic {constant}: Facts = {facts};\n").expect("a String takes everything");
    }
    format!(
        "//! What holds for each operation.
//!
{}

use strongroom_core::generated::{{GrantOperation, OpName}};

use super::faults::ErrorCode;
use crate::kms::facts::{{Facts, KeyIdForms, Paginator, Policy, ReplyBody, Resource, Visibility}};

/// The part of `X-Amz-Target` before the operation's name.
pub const TARGET_PREFIX: &str = {:?};

/// What holds for `op`.
pub const fn facts(op: OpName) -> &'static Facts {{
    match op {{ {arms} }}
}}
{statics}",
        model.provenance(),
        format!("{}.", target_prefix(model))
    )
}

fn facts(model: &Model, overlay: &Overlay, name: &str, operation: &Operation) -> String {
    let row = overlay.operation(name);
    let input = operation.input.as_ref().expect("every operation of the JSON protocol takes something");
    let input = model.structure(&input.shape);
    let takes = |member: &str| input.members.get(member).is_some();
    let key_members: Vec<&str> =
        input.members.iter().filter(|(_, member)| member.shape == "KeyIdType").map(|(name, _)| name).collect();
    let errors: String = operation.errors.iter().map(|error| format!("ErrorCode::{},", error.shape)).collect();
    format!(
        "Facts {{
            op: OpName::{name},
            target: {target:?},
            actions: &{actions:?},
            resource: Resource::{resource:?},
            policy: Policy::{policy:?},
            grant_operations: &[{grants}],
            key_id_forms: KeyIdForms::{forms:?},
            key_members: &{key_members:?},
            cross_account: {cross_account},
            read_only: {read_only},
            grant_tokens: {grant_tokens},
            dry_run: {dry_run},
            recipient: {recipient},
            condition_keys: &{condition_keys:?},
            body_limit_bytes: {body_limit_bytes},
            reply: ReplyBody::{reply},
            paginator: {paginator},
            errors: &[{errors}],
            request_members: &[{request_members}],
            reply_members: &[{reply_members}],
            reply_key_arn: {reply_key_arn},
        }}",
        target = format!("{}.{name}", target_prefix(model)),
        actions = row.actions,
        resource = row.resource,
        policy = row.policy,
        grants = grant_operations(model, row),
        forms = row.key_id_forms,
        cross_account = row.cross_account,
        read_only = row.read_only,
        grant_tokens = takes("GrantTokens"),
        dry_run = takes("DryRun"),
        recipient = takes("Recipient"),
        reply_key_arn = row.reply_key_arn,
        condition_keys = overlay.condition_keys(row).into_iter().collect::<Vec<_>>(),
        body_limit_bytes = overlay.body_limit_bytes(row),
        reply = reply(model, operation),
        paginator = paginator(model, name),
        request_members = visibility(&[
            ("Shown", &row.request_shown),
            ("Hashed", &row.request_hashed),
            ("Hidden", &row.request_hidden)
        ]),
        reply_members = visibility(&[("Shown", &row.reply_shown), ("Hidden", &row.reply_hidden)]),
    )
}

fn target_prefix(model: &Model) -> &str {
    model.metadata.target_prefix.as_deref().expect("the JSON protocol has one")
}

/// The policy actions that a grant can allow: those that are grant operations.
fn grant_operations(model: &Model, row: &OperationRow) -> String {
    let grantable = model.shape("GrantOperation").values().expect("an enum");
    let named = row.actions.iter().filter_map(|action| action.strip_prefix("kms:"));
    named
        .filter(|action| grantable.iter().any(|grant| grant == action))
        .map(|action| format!("GrantOperation::{},", names::variant(action)))
        .collect()
}

fn reply(model: &Model, operation: &Operation) -> &'static str {
    match operation.output.as_ref().map(|output| model.structure(&output.shape)) {
        None => "Nothing",
        Some(structure) if structure.members.is_empty() => "EmptyObject",
        Some(_) => "Object",
    }
}

fn paginator(model: &Model, name: &str) -> String {
    let Some(pages) = model.pagination.get(name) else { return "None".into() };
    format!(
        "Some(Paginator {{ input_token: {:?}, limit_key: {:?}, more_results: {:?}, output_token: {:?}, result_key: {:?} }})",
        pages.input_token, pages.limit_key, pages.more_results, pages.output_token, pages.result_key
    )
}

fn visibility(groups: &[(&str, &Vec<String>)]) -> String {
    groups
        .iter()
        .flat_map(|(visibility, members)| {
            members.iter().map(move |member| format!("({member:?}, Visibility::{visibility}),"))
        })
        .collect()
}
