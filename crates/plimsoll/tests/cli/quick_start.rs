//! The quick start of the guide, command by command.

use crate::folder::{Folder, free_port, has};

const GUIDE: &str = include_str!("../../../../docs/guide/quick-start.md");

/// The lines of the guide's `sh` blocks.
fn commands() -> Vec<&'static str> {
    let mut blocks = GUIDE.split("```");
    let mut found = Vec::new();
    while let (Some(_), Some(block)) = (blocks.next(), blocks.next()) {
        found.extend(block.strip_prefix("sh\n").into_iter().flat_map(str::lines));
    }
    found
}

#[test]
fn every_command_of_the_quick_start_works_in_an_empty_folder() {
    if !has("curl") {
        return;
    }
    let folder = Folder::new();
    let (http, https) = (free_port().to_string(), free_port().to_string());
    let ports = |text: &str| text.replace("8080", &http).replace("8443", &https);
    let mut script = String::from("set -eu\n");
    for command in commands() {
        script.push_str(&ports(command));
        script.push('\n');
        if command == "plimsoll init" {
            // The guide has the ports that `init` writes; here others may have them.
            let edit = "sed -i 's/= 8O8O$/= 8080/; s/= 8Q43$/= 8443/' plimsoll.toml\n";
            script.push_str(&ports(edit).replace("8O8O", "8080").replace("8Q43", "8443"));
        }
    }
    let tool = std::path::Path::new(env!("CARGO_BIN_EXE_plimsoll"));
    let path = std::env::var("PATH").unwrap();
    let output = folder
        .program("sh")
        .args(["-c", &script])
        .env(
            "PATH",
            format!("{}:{path}", tool.parent().unwrap().display()),
        )
        .output()
        .unwrap();
    let (shown, said) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let down = folder.run(&["-C", "hello", "down"]);
    assert!(output.status.success(), "{script}\n{shown}\n{said}");
    assert_eq!(shown.matches("<h1>Hello</h1>").count(), 1, "{shown}");
    assert_eq!(shown.matches("<h1>Hello again</h1>").count(), 1, "{shown}");
    assert_eq!(down.code, 0, "{down:?}");
}
