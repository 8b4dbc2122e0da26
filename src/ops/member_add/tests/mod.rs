//! Plans and refusals from facts that were put together by hand.

mod facts;
mod plans;
mod refusals;
