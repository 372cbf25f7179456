//! What a flow has on its broker, by the commands an operator has.

use super::Flow;

impl Flow {
    /// `tiergate bus declare`; gives what it said.
    #[track_caller]
    pub fn declare(&self) -> String {
        self.command(&["bus", "declare"])
    }

    /// `tiergate bus declare --repair`; gives what it said.
    #[track_caller]
    pub fn repair(&self) -> String {
        self.command(&["bus", "declare", "--repair"])
    }
}
