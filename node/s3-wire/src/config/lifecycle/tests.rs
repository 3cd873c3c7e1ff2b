//! Rules are read with the checks of AWS, and act when they should.

mod acting;
mod reading;
