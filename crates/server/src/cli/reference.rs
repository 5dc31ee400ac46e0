//! `strongroom completions` and `strongroom man`: the command line, told to shells and to `man`.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure};

/// Print the completions for a shell.
///
/// Put them where the shell looks for them, and it completes commands and options.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom completions bash > /etc/bash_completion.d/strongroom
  strongroom completions zsh > \"${fpath[1]}/_strongroom\"
  strongroom completions fish > ~/.config/fish/completions/strongroom.fish")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "strongroom", &mut script);
        print(&script)
    }
}

/// Print the manual page, of the whole or of one command.
///
/// The page is in the format of `man` (roff).
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strongroom man > strongroom.1
  strongroom man serve | man --local-file -")]
pub(super) struct Man {
    /// The command; without it, the page of the program.
    command: Option<String>,
}

impl Man {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut whole = Cli::command();
        whole.build();
        let command = match &self.command {
            None => whole,
            Some(name) => whole
                .find_subcommand(name)
                .cloned()
                .ok_or_else(|| Failure::usage(format!("there is no command {name}; see strongroom --help")))?
                .display_name(format!("strongroom-{name}")),
        };
        print(&page(command)?)
    }
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::work)?;
    Ok(page)
}

/// Nobody may be reading to the end (`| head`); that is no failure.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::work(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::{Arg, ArgAction};

    use super::*;

    const PREAMBLE: &str = "\
# The command line

Every command with its options, as `--help` tells them; `strongroom completions SHELL` and `strongroom man` give the same to
shells and to `man`. This page is made from the program: `UPDATE_DOCS=1 cargo test -p strongroom docs_cli` writes it anew.

## Manners

- What was asked for goes to standard output, everything else (logs, problems, progress) to standard error.
- `--output json` gives one JSON document; its members are only ever added to. `--output table` is for people and may change.
- Colours and progress bars appear on a terminal alone; `NO_COLOR` turns colours off.

";

    fn exit_codes() -> String {
        let rows = super::super::EXIT_CODES
            .lines()
            .skip(1)
            .map(|line| line.trim().split_once("  ").expect("a code and its meaning"));
        rows.fold("## Exit codes\n\n| code | |\n|---|---|\n".to_owned(), |page, (code, meaning)| {
            page + &format!("| {code} | {meaning} |\n")
        })
    }

    fn describe(command: &Command, path: &str, page: &mut String) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, "\n## {path}\n\n{about}\n");
        let own: Vec<_> = command
            .get_arguments()
            .filter(|arg| {
                !arg.is_global_set() && !arg.is_hide_set() && arg.get_id() != "help" && arg.get_id() != "version"
            })
            .collect();
        if !own.is_empty() {
            page.push_str("\n| | |\n|---|---|\n");
        }
        for arg in own {
            let help =
                arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|").replace('\n', " ");
            let _ = writeln!(page, "| `{}` | {help} |", shape(arg).replace('|', "\\|"));
        }
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            describe(command, &format!("{path} {}", command.get_name()), page);
        }
    }

    /// How an argument is written.
    fn shape(arg: &Arg) -> String {
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        let value = arg
            .get_value_names()
            .and_then(|names| names.first())
            .map_or_else(|| arg.get_id().to_string().to_uppercase(), ToString::to_string);
        match arg.get_long() {
            Some(long) if takes_value => format!("--{long} {value}"),
            Some(long) => format!("--{long}"),
            None => value,
        }
    }

    /// The page tells every command and option that there is, and nothing else.
    #[test]
    fn docs_cli() {
        let mut whole = Cli::command();
        whole.build();
        let mut expect = PREAMBLE.to_owned() + &exit_codes();
        describe(&whole, "strongroom", &mut expect);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &expect).expect("writes");
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == expect,
            "docs/cli.md is not what the program says; UPDATE_DOCS=1 cargo test -p strongroom docs_cli"
        );
    }

    /// Every command teaches: what it is, and its options what they are for.
    #[test]
    fn everything_has_a_help_text() {
        fn check(command: &Command) {
            assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {} has no help", command.get_name(), arg.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        let mut whole = Cli::command();
        whole.build();
        check(&whole);
    }
}
