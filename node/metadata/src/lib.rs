//! The replicated state machine: decide(command, view) -> writes and reply.
