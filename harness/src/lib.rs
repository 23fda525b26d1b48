//! Rehearses whole migrations against simulated servers, with faults, and checks that nothing was lost.
