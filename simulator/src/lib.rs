//! Makes whole synthetic GroupWise post offices from a seed, and plays the agents around them.
