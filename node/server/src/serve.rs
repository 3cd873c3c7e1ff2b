//! Running a node: everything is opened from the bottom up, watched, and
//! closed from the top down.

mod address_book;
mod certificate;
mod dispatch;
mod founding;
mod gate;
mod membership_keeper;
mod node;
mod stdin_end;
mod transport;
mod voters;

pub(crate) use address_book::resolve as address_of;
pub(crate) use certificate::open_secrets;
pub use node::serve;
pub(crate) use node::{Node, Shown};
