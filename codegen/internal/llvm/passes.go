package llvm

// pipeline is run over every module before code is made, in the spelling that opt's -passes and LLVMRunPasses share.
const pipeline = "default<O2>"

func (o Options) passes() string { return pipeline }
