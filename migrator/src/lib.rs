//! Moves a GroupWise post office from NetWare or Windows to Linux in two stages.
