//! `strongroom policy`: why something was decided, what would be decided, and who could do it.

use std::net::IpAddr;

use clap::Subcommand;
use strongroom_service::{ConditionView, DecisionView, Explanation, Question, Supposition, WhoCan};

use super::Failure;
use super::output::{Output, pairs};
use crate::admin::client::AdminOptions;
use crate::admin::policy::{Asked, EXPLAIN, SIMULATE, WHO_CAN};

/// Explain decisions: why one was made, what one would be, and who could do something.
///
/// It asks the admin listener of a running server, as `strongroom status` does. Callers of the API never see any of this.
#[derive(Debug, clap::Args)]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    question: Ask,
}

#[derive(Debug, Subcommand)]
enum Ask {
    Explain(Explain),
    Simulate(Box<Simulate>),
    WhoCan(WhoCanCommand),
}

impl PolicyCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.question {
            Ask::Explain(explain) => explain.run(),
            Ask::Simulate(simulate) => simulate.run(),
            Ask::WhoCan(who_can) => who_can.run(),
        }
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  allowed
  1  the server gives no answer, or does not know what was named
  2  the command line is wrong
  3  denied";

/// Show why a request was allowed or denied.
///
/// Every node keeps its latest decisions in memory: up to 16,384 denied requests and as many allowed ones, 16 MiB of each.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
struct Explain {
    /// The request: the id in the reply's header x-amzn-RequestId, in the SDK's error, or in the audit record.
    #[arg(long, value_name = "ID")]
    request_id: String,
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Explain {
    fn run(self) -> Result<(), Failure> {
        let client = self.server.client().map_err(Failure::usage)?;
        let asked = Asked { request_id: self.request_id };
        let explanation: Explanation = client.post(EXPLAIN, &asked).map_err(Failure::work)?;
        show(&explanation, self.output)
    }
}

/// Show what would be decided about a request, without sending it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = "\
The request is judged as if it came over TLS, now, and without whatever is not given. Temporary credentials are supposed with
--context aws:MultiFactorAuthPresent=true, aws:SourceIdentity=… or aws:FederatedProvider=….

Examples:
  strongroom policy simulate --principal arn:aws:iam::111122223333:user/ann --operation Encrypt --key alias/app
  strongroom policy simulate --principal arn:aws:iam::111122223333:role/app --operation Decrypt \\
      --key arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab \\
      --encryption-context app=ledger --source-ip 203.0.113.7 --principal-tag team=blue

Exit codes:
  0  allowed
  1  the server gives no answer, or does not know what was named
  2  the command line is wrong
  3  denied")]
struct Simulate {
    /// Who: the ARN of a user, role, role session or root user, twelve digits, the name of a service, or `anonymous`.
    #[arg(long, value_name = "ARN")]
    principal: String,
    /// What: an operation such as Encrypt, or one of its actions such as kms:ReEncryptFrom.
    #[arg(long, value_name = "NAME")]
    operation: String,
    /// Which key: a key id, key ARN, alias name or alias ARN.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// The Region, when the key's name does not say.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// A condition key and its value; several values by several options.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// A pair of the encryption context.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    encryption_context: Vec<(String, String)>,
    /// The address that the request comes from.
    #[arg(long, value_name = "IP")]
    source_ip: Option<IpAddr>,
    /// A tag in the request.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,
    /// A tag of the caller's session, over those of its user or role.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    principal_tag: Vec<(String, String)>,
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl Simulate {
    fn run(self) -> Result<(), Failure> {
        let client = self.server.client().map_err(Failure::usage)?;
        let has_context = !self.encryption_context.is_empty();
        let supposition = Supposition {
            principal: self.principal,
            operation: self.operation,
            key: self.key,
            region: Some(self.region),
            context: self.context,
            encryption_context: has_context.then(|| self.encryption_context.into_iter().collect()),
            source_ip: self.source_ip,
            tags: self.tag,
            principal_tags: self.principal_tag,
        };
        let explanation: Explanation = client.post(SIMULATE, &supposition).map_err(Failure::work)?;
        show(&explanation, self.output)
    }
}

/// Show who could do something with a key, by what, and what would still have to hold.
///
/// Asked about are the account's root user, users and roles, everybody whom the key policy names, and grantees. Of other
/// accounts nothing is known but that they must allow it too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom policy who-can --operation Decrypt --key arn:aws:kms:us-east-1:111122223333:alias/app
  strongroom policy who-can --operation CreateGrant --key alias/app --account 111122223333 --output json")]
struct WhoCanCommand {
    /// What: an operation on keys such as Decrypt, or one of its actions such as kms:ReEncryptFrom.
    #[arg(long, value_name = "NAME")]
    operation: String,
    /// Which key: a key ARN or alias ARN; a key id or alias name with --account.
    #[arg(long, value_name = "ID")]
    key: String,
    /// The account whose key it is, when its name does not say.
    #[arg(long, value_name = "DIGITS")]
    account: Option<String>,
    /// The Region, when the key's name does not say.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    #[command(flatten)]
    server: AdminOptions,
    /// How the answer looks.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

impl WhoCanCommand {
    fn run(self) -> Result<(), Failure> {
        let client = self.server.client().map_err(Failure::usage)?;
        let (operation, key, account, region) = (self.operation, self.key, self.account, Some(self.region));
        let question = Question { operation, key, account, region };
        let who_can: WhoCan = client.post(WHO_CAN, &question).map_err(Failure::work)?;
        self.output.print(&who_can, who_can_text)
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is needed")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn show(explanation: &Explanation, output: Output) -> Result<(), Failure> {
    output.print(explanation, explanation_text)?;
    if explanation.allowed { Ok(()) } else { Err(Failure::Denied) }
}

fn explanation_text(explanation: &Explanation) -> String {
    explanation.decisions.iter().map(decision_text).collect::<Vec<_>>().join("\n")
}

fn decision_text(decision: &DecisionView) -> String {
    let verdict = if decision.allowed { "ALLOWED" } else { "DENIED" };
    let mut text = format!("{verdict}: {}\n\n", decision.reason);
    text += &pairs(&[
        ("principal", decision.principal.clone()),
        ("action", decision.action.clone()),
        ("resource", decision.resource.clone()),
    ]);
    if !decision.statements.is_empty() {
        text += "\nStatements\n";
    }
    for met in &decision.statements {
        let sid = met.sid.as_deref().map_or_else(String::new, |sid| format!(" ({sid})"));
        let mark = if met.matched { "+" } else { "-" };
        text += &format!(
            "  {mark} {:<5}  {} {}, statement {}{sid}: {}\n",
            met.effect,
            met.policy_type,
            met.policy,
            met.statement + 1,
            met.outcome
        );
        if let Some(condition) = &met.failed_condition {
            text += &format!("             {}; the request has {}\n", wanted(condition), listed(&condition.actual));
        }
    }
    if !decision.grants.is_empty() {
        text += "\nGrants\n";
    }
    for grant in &decision.grants {
        text += &format!("  {} {}: {}\n", if grant.matched { "+" } else { "-" }, grant.grant_id, grant.outcome);
    }
    if !decision.values.is_empty() {
        text += "\nCondition values\n";
    }
    for value in &decision.values {
        text += &format!("  {} = {}\n", value.key, listed(&value.values));
    }
    text
}

fn who_can_text(who_can: &WhoCan) -> String {
    let (count, asked) = (who_can.principals.len(), who_can.asked);
    let mut text = format!("{count} of {asked} known principals can {} on {}\n", who_can.action, who_can.key);
    for who in &who_can.principals {
        text += &format!("\n{}\n", who.principal);
        for (word, all) in [("by", &who.by), ("unless", &who.unless)] {
            for by in all {
                text += &format!("  {word} {}\n", by.what);
                for condition in &by.conditions {
                    text += &format!("      when {}\n", wanted(condition));
                }
            }
        }
        if let Some(note) = &who.note {
            text += &format!("  ({note})\n");
        }
    }
    text
}

fn wanted(condition: &ConditionView) -> String {
    format!("{} {} {}", condition.key, condition.operator, listed(&condition.wanted))
}

fn listed(values: &[String]) -> String {
    if values.is_empty() { "no value".to_owned() } else { values.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_options() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").is_err());
    }
}
