"""The subcommands of `autograder`, one module each; `autograder.cli` registers them."""
