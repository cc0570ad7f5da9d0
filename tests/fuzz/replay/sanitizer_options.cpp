// Owns what the fuzz targets ask of the address sanitizer: memory that was freed is kept for as long as an
// input takes, and short stacks of who allocated it.

// Whole machines are made of pages that are allocated and freed for each input: with the usual 256 MBytes
// kept, each allocation is fresh memory of the host, which costs more than the input.
extern "C" [[gnu::visibility("default")]] const char* __asan_default_options() {
  return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=8";
}
