package conform

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// Golden is what a device made of the corpus.
type Golden struct {
	Device string
	// Outputs are the output buffers by the cases' names, in hexadecimal.
	Outputs map[string]string
}

// Record runs the cases on a device. Cases that the device cannot run are left out and listed.
func Record(device string, e Executor, cases []*Case) (*Golden, []error) {
	g := &Golden{Device: device, Outputs: map[string]string{}}
	var failed []error
	for _, c := range cases {
		out, err := e.Run(c)
		if err != nil {
			failed = append(failed, fmt.Errorf("case %s: %w", c.Name, err))
			continue
		}
		g.Outputs[c.Name] = hex.EncodeToString(out)
	}
	return g, failed
}

// Write stores the record as JSON, names in order.
func (g *Golden) Write(file string) error {
	b, err := json.MarshalIndent(g, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o666)
}

// ReadGolden reads what Write wrote.
func ReadGolden(file string) (*Golden, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	g := &Golden{}
	return g, json.Unmarshal(b, g)
}

// Check holds what the device made of a case against what must come out.
func (g *Golden) Check(c *Case) error {
	text, ok := g.Outputs[c.Name]
	if !ok {
		return nil
	}
	out, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	return c.Compare(out)
}
