//! The command `spike`.

fn main() -> std::process::ExitCode {
    tracing_spike::cli::main()
}
