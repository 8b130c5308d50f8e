//! JPEG by libjpeg-turbo as Pillow and sharp use it: accurate DCT, smooth upsampling. A warning declines the file.

use std::ffi::c_int;
use turbojpeg_sys as tj;

/// Scans beyond it are a file made to take long.
const MOST_SCANS: c_int = 100;

struct Handle(tj::tjhandle);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and used by nobody any more.
        unsafe { tj::tj3Destroy(self.0) };
    }
}

/// RGB [height,width,3] to `rgb`, whose length it sets; libjpeg-turbo has written all of it where there was no warning.
pub fn decode(bytes: &[u8], width: usize, height: usize, rgb: &mut Vec<u8>) -> Option<()> {
    // SAFETY: the handle is checked; libjpeg-turbo reads `bytes` within their length and writes width · height · 3 bytes, no more than
    // `rgb` holds: the size that it found in the header is compared with it before.
    unsafe {
        let handle = Handle(tj::tj3Init(tj::TJINIT_TJINIT_DECOMPRESS as c_int));
        if handle.0.is_null() {
            return None;
        }
        let set = |what: u32, value: c_int| tj::tj3Set(handle.0, what as c_int, value) == 0;
        if !set(tj::TJPARAM_TJPARAM_STOPONWARNING, 1) || !set(tj::TJPARAM_TJPARAM_SCANLIMIT, MOST_SCANS) {
            return None;
        }
        if tj::tj3DecompressHeader(handle.0, bytes.as_ptr(), bytes.len() as _) != 0 {
            return None;
        }
        let get = |what: u32| tj::tj3Get(handle.0, what as c_int);
        let size = [tj::TJPARAM_TJPARAM_JPEGWIDTH, tj::TJPARAM_TJPARAM_JPEGHEIGHT].map(get);
        let colours = get(tj::TJPARAM_TJPARAM_COLORSPACE);
        let usual = [tj::TJCS_TJCS_YCbCr, tj::TJCS_TJCS_GRAY, tj::TJCS_TJCS_RGB].iter().any(|&c| c as c_int == colours);
        let plain = get(tj::TJPARAM_TJPARAM_PRECISION) == 8 && get(tj::TJPARAM_TJPARAM_LOSSLESS) == 0;
        if size != [width as c_int, height as c_int] || !usual || !plain {
            return None;
        }
        rgb.resize(width * height * 3, 0);
        let pitch = (width * 3) as c_int;
        let failed = tj::tj3Decompress8(handle.0, bytes.as_ptr(), bytes.len() as _, rgb.as_mut_ptr(), pitch, tj::TJPF_TJPF_RGB as c_int);
        (failed == 0).then_some(())
    }
}
