//! What is for eyes alone: colours and progress bars, on a terminal and nowhere else.

use std::env;
use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether a stream of this kind may have colours: a terminal that is not a plain one, and no wish to the contrary
/// (<https://no-color.org>).
pub(crate) fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A colour for a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Green,
    Yellow,
    Red,
}

impl Colour {
    /// The text in this colour, when standard output may have colours.
    pub(super) fn on_stdout(self, text: &str) -> String {
        if may_colour(&io::stdout()) { self.paint(text) } else { text.to_owned() }
    }

    fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Red => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A bar on standard error for work that takes long; nothing where that is no terminal. Without a known `length` it only
/// turns.
pub(super) fn progress(what: &'static str, length: Option<u64>) -> ProgressBar {
    let template = match length {
        Some(_) => "{msg} [{bar:40}] {human_pos}/{human_len} {eta}",
        None => "{msg} {spinner} {human_pos}",
    };
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_message(what);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_colours() {
        let file = tempfile::tempfile().expect("a file");
        assert!(!may_colour(&file));
    }

    #[test]
    fn colours_end_where_the_word_does() {
        assert_eq!(Colour::Red.paint("problem"), "\x1b[31mproblem\x1b[0m");
    }
}
