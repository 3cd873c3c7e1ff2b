//! Nothing lives here: the suites are under `tests/`.
