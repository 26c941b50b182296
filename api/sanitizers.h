/* What this is built with, by gcc's and clang's ways of saying so. */
#ifndef API_SANITIZERS_H
#define API_SANITIZERS_H

#if defined(__has_feature)
#define API_HAS_FEATURE(name) __has_feature(name)
#else
#define API_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || API_HAS_FEATURE(address_sanitizer)
enum { API_ADDRESS_SANITIZER = 1 };
#else
enum { API_ADDRESS_SANITIZER = 0 };
#endif

#if defined(__SANITIZE_THREAD__) || API_HAS_FEATURE(thread_sanitizer)
enum { API_THREAD_SANITIZER = 1 };
#else
enum { API_THREAD_SANITIZER = 0 };
#endif

#endif
