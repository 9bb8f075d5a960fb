package tocsin

// Attribute is an attribute that only the kind of a check has, such as the path
// of a file, with its value as text.
type Attribute struct{ Name, Value string }

// Attributes are those of a check that are set. The zero value has none. It is a
// list: most checks have one or two, for which a map takes ten times the memory.
type Attributes []Attribute

// Of is the value of an attribute, empty when it is not set.
func (a Attributes) Of(name string) string {
	value, _ := a.Find(name)
	return value
}

// Find is the value of an attribute; false when it is not set.
func (a Attributes) Find(name string) (string, bool) {
	for i := range a {
		if a[i].Name == name {
			return a[i].Value, true
		}
	}
	return "", false
}
