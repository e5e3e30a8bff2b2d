// Package floors holds the test that keeps the house's floors: a room imports
// only rooms below it, and what is heavy or only for tests stays out of the
// program. It has no other code.
package floors
