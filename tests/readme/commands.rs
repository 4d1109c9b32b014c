//! Every command of the README, in order, as a reader would give them.

use crate::blocks::{self, Block, NOT_RUN, Use};
use crate::place::{Place, Server};

#[test]
fn every_command_works_as_it_stands() {
    let blocks = blocks::parse(&crate::text());
    let place = Place::prepare();
    let mut server: Option<Server> = None;
    for block in &blocks {
        let here = format!("README.md:{}", block.line);
        match &block.use_ {
            Use::Run => {
                place.run(server.as_ref(), &block.text, &here);
            }
            Use::Serve => {
                // The one before has to be gone first, as it would be in a terminal.
                drop(server.take());
                server = Some(place.serve(&block.text, &here));
            }
            Use::Compare => {
                for shown in blocks::shown(&block.text) {
                    let output = place.run(server.as_ref(), shown.command, &here);
                    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
                    let lines = lines.strip_suffix(&[""]).unwrap_or(&lines);
                    assert!(
                        blocks::matches(&shown.output, lines),
                        "{here}: `{}` is shown to print\n{}\nand prints\n{output}",
                        shown.command,
                        shown.output.join("\n"),
                    );
                }
            }
            Use::Write(file) => place.write(file, &block.text),
            Use::Nothing(_) => {}
        }
    }
}

#[test]
fn the_two_commands_come_first_and_everything_else_is_accounted_for() {
    let blocks = blocks::parse(&crate::text());
    let is_picture = |block: &&Block| block.use_ == Use::Nothing("text");
    let mut commands = blocks.iter().filter(|block| !is_picture(block));
    assert_eq!(commands.next().unwrap().text, "cargo run --release -- demo\n");
    assert_eq!(commands.next().unwrap().text, "tests/run\n");
    for (kind, reason) in NOT_RUN {
        let used = blocks.iter().any(|block| block.use_ == Use::Nothing(kind));
        assert!(used, "no block is `{kind}` ({reason}): take it out of the list");
    }
}
