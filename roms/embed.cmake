# Owns the step from an assembled image and its symbols to C++:
# cmake -DIMAGE=... -DSYMBOLS=... -DNAME=... -DOUTPUT=... -P embed.cmake
function(bytes_of file variable)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
         bytes "${bytes}")
  set(${variable} "${bytes}" PARENT_SCOPE)
endfunction()
bytes_of(${IMAGE} image)
bytes_of(${SYMBOLS} symbols)
file(WRITE ${OUTPUT} "// Owns the bytes of roms/${NAME} and of its symbols, made by the build.
#include \"roms/${NAME}.h\"
namespace ringside::roms {
namespace {
constexpr u8 image[] = {
${image}};
constexpr u8 symbols[] = {
${symbols}};
}
std::span<const u8> ${NAME}() { return image; }
std::span<const u8> ${NAME}_symbols() { return symbols; }
}
")
