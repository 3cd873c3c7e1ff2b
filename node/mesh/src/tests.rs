mod admission;
mod bulk;
mod calls;
mod fixture;
mod hostile;
mod join;
mod liveness;
