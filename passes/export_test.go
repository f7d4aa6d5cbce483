package passes

// Phases is phases, for tests that need the language.
var Phases = phases
