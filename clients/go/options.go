package pangea

// PutOption of Put, Create and PutTree.
type PutOption interface{ forPut(*putSettings) }

// GetOption of Get, GetTo, Open and GetTree.
type GetOption interface{ forGet(*getSettings) }

type putSettings struct {
	mediaType     string
	acknowledge   Acknowledge
	expectedBytes int64
	dictionary    string
	requestID     string
	progress      func(int64)
}

type getSettings struct {
	offset   uint64
	length   int64
	path     string
	progress func(int64)
}

type putOption func(*putSettings)

func (o putOption) forPut(s *putSettings) { o(s) }

type getOption func(*getSettings)

func (o getOption) forGet(s *getSettings) { o(s) }

type progressOption func(int64)

func (o progressOption) forPut(s *putSettings) { s.progress = o }
func (o progressOption) forGet(s *getSettings) { s.progress = o }

// WithMediaType says what the object holds, e.g. text/csv.
func WithMediaType(mediaType string) PutOption {
	return putOption(func(s *putSettings) { s.mediaType = mediaType })
}

// WithAcknowledge says when the put is answered.
func WithAcknowledge(level Acknowledge) PutOption {
	return putOption(func(s *putSettings) { s.acknowledge = level })
}

// WithExpectedBytes makes a put fail when another count of bytes came.
func WithExpectedBytes(count int64) PutOption {
	return putOption(func(s *putSettings) { s.expectedBytes = count })
}

// WithDictionary compresses with a dictionary object, by its link, root or name.
func WithDictionary(reference string) PutOption {
	return putOption(func(s *putSettings) { s.dictionary = reference })
}

// WithRequestID makes a put safe to repeat: a second one with the same id gives the record of the first.
func WithRequestID(id string) PutOption {
	return putOption(func(s *putSettings) { s.requestID = id })
}

// WithRange reads length bytes from offset on; a length of -1 is to the end.
func WithRange(offset uint64, length int64) GetOption {
	return getOption(func(s *getSettings) { s.offset, s.length = offset, length })
}

// WithPath reads one file of a directory object.
func WithPath(path string) GetOption {
	return getOption(func(s *getSettings) { s.path = path })
}

// WithProgress is told the bytes so far, after each chunk, by the goroutine that reads or writes.
func WithProgress(progress func(bytes int64)) interface {
	PutOption
	GetOption
} {
	return progressOption(progress)
}

func putSettingsOf(options []PutOption) putSettings {
	s := putSettings{expectedBytes: -1, progress: func(int64) {}}
	for _, option := range options {
		option.forPut(&s)
	}
	return s
}

func getSettingsOf(options []GetOption) getSettings {
	s := getSettings{length: -1, progress: func(int64) {}}
	for _, option := range options {
		option.forGet(&s)
	}
	return s
}
