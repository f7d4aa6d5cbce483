package array

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// npyHeader is the Python dictionary at the head of a .npy file.
type npyHeader struct {
	descr   string
	fortran bool
	shape   []int64
}

// parseNpyHeader reads the three keys of the dictionary, each once, in any order.
func parseNpyHeader(text string) (h npyHeader, err error) {
	p := &literal{rest: text}
	seen := map[string]bool{}
	if !p.take('{') {
		return h, errors.New("it is not a dictionary")
	}
	for !p.take('}') {
		key, err := p.str()
		if err != nil {
			return h, err
		}
		if seen[key] {
			return h, fmt.Errorf("%.40q stands twice", key)
		}
		seen[key] = true
		if !p.take(':') {
			return h, fmt.Errorf("no ':' after %.40q", key)
		}
		switch key {
		case "descr":
			if p.take('[') {
				return h, errors.New("the dtype is a record of several fields; save each field as an array")
			}
			h.descr, err = p.str()
		case "fortran_order":
			h.fortran, err = p.boolean()
		case "shape":
			h.shape, err = p.tuple()
		default:
			return h, fmt.Errorf("unknown key %.40q", key)
		}
		if err != nil {
			return h, fmt.Errorf("%s: %w", key, err)
		}
		if !p.take(',') {
			if !p.take('}') {
				return h, fmt.Errorf("neither ',' nor '}' after the value of %s", key)
			}
			break
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, fmt.Errorf("there is no %q", key)
		}
	}
	if p.space(); p.rest != "" {
		return h, errors.New("something stands after the dictionary")
	}
	return h, nil
}

// literal reads the few forms of Python literals that a header has.
type literal struct{ rest string }

func (p *literal) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n\f") }

// take skips blanks and c, if it is there.
func (p *literal) take(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// str reads a string in single or double quotes, without escapes.
func (p *literal) str() (string, error) {
	p.space()
	if p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
		return "", fmt.Errorf("no string at %.20q", p.rest)
	}
	end := strings.IndexAny(p.rest[1:], p.rest[:1]+"\\\n") + 1
	if end == 0 || p.rest[end] != p.rest[0] {
		return "", fmt.Errorf("the string at %.20q does not end", p.rest)
	}
	s := p.rest[1:end]
	p.rest = p.rest[end+1:]
	return s, nil
}

func (p *literal) boolean() (bool, error) {
	p.space()
	for _, word := range []string{"True", "False"} {
		if rest, ok := strings.CutPrefix(p.rest, word); ok {
			p.rest = rest
			return word == "True", nil
		}
	}
	return false, fmt.Errorf("neither True nor False at %.20q", p.rest)
}

// tuple reads (), (3,), (3, 4) and the like; 3L is 3, as Python 2 wrote it.
func (p *literal) tuple() ([]int64, error) {
	if !p.take('(') {
		return nil, fmt.Errorf("no tuple at %.20q", p.rest)
	}
	shape := []int64{}
	comma := true
	for !p.take(')') {
		if !comma {
			return nil, fmt.Errorf("neither ',' nor ')' at %.20q", p.rest)
		}
		p.space()
		n := 0
		for n < len(p.rest) && (p.rest[n] >= '0' && p.rest[n] <= '9' || n == 0 && p.rest[n] == '-') {
			n++
		}
		d, err := strconv.ParseInt(p.rest[:n], 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return nil, fmt.Errorf("the extent %.30s is too large", p.rest[:n])
		case err != nil:
			return nil, fmt.Errorf("no extent at %.20q", p.rest)
		case len(shape) == maxRank:
			return nil, fmt.Errorf("there are more than %d dimensions", maxRank)
		}
		p.rest = strings.TrimPrefix(p.rest[n:], "L")
		shape = append(shape, d)
		comma = p.take(',')
	}
	if len(shape) == 1 && !comma {
		return nil, errors.New("(n) is a number, not a tuple; it would be (n,)")
	}
	return shape, nil
}
