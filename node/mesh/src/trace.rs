use std::future::Future;

tokio::task_local! {
    static TRACE: u64;
}

/// Runs `work` under the trace id of a request: calls made in it carry the id
/// to the peers, where [`current_trace`] gives it to whoever serves them.
pub fn with_trace<F: Future>(id: u64, work: F) -> impl Future<Output = F::Output> {
    TRACE.scope(id, work)
}

/// The trace id that this task works under; 0 if none.
pub fn current_trace() -> u64 {
    TRACE.try_with(|id| *id).unwrap_or(0)
}
