# Owns the step from an assembled image to C++: cmake -DIMAGE=... -DNAME=... -DOUTPUT=... -P embed.cmake
file(READ ${IMAGE} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
       bytes "${bytes}")
file(WRITE ${OUTPUT} "// Owns the bytes of roms/${NAME}, made by the build.
#include \"roms/${NAME}.h\"
namespace ringside::roms {
namespace {
constexpr u8 image[] = {
${bytes}};
}
std::span<const u8> ${NAME}() { return image; }
}
")
